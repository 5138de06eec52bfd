// Where the project lies, seen from the compiled tests.
import { fileURLToPath } from 'node:url';

/** With a slash at its end. */
export const rootDir = fileURLToPath(new URL('../../../', import.meta.url));
