// npm run audit: holds an audit log to its chain, and names the first record that breaks it.
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { verifyChain } from '../security/audit-log.js';
import { runCommand, UsageError } from './command-line.js';

const HELP = `npm run audit -- verify FILE [--head HASH]

Exit code 0: every record follows the one before. 1: it names the first that does not.
  --head HASH   a head that was noted before (this command prints it): it must be in the file,
                otherwise records are missing at the end, or the whole file was written anew
`;

await runCommand('audit', async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { head: { type: 'string' }, help: { type: 'boolean' } },
  });
  const [command, file, ...rest] = positionals;
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (command !== 'verify') throw new UsageError('say verify');
  if (file === undefined || rest.length > 0) throw new UsageError('name one file');
  const text = await readFile(file, 'utf8');
  const { head, fault } = verifyChain(text);
  if (fault !== undefined) {
    process.stdout.write(`${file} is broken at ${fault}. The ${head.seq} records before it are whole.\n`);
    return 1;
  }
  if (values.head !== undefined && !text.includes(`"hash":"${values.head}"}\n`)) {
    process.stdout.write(
      `${file} is whole in itself, but holds no record ${values.head}: its end was cut off, or all of it written anew.\n`,
    );
    return 1;
  }
  process.stdout.write(`${file} is whole: ${head.seq} records, head ${head.hash}\n`);
  return 0;
});
