// Adds up what Jest and pytest reported, and closes with one line: `N passed, N failed`.
import { existsSync, readFileSync } from 'node:fs';

let passed = 0;
let failed = 0;

const jest = 'var/test/jest.json';
if (existsSync(jest)) {
  const report = JSON.parse(readFileSync(jest, 'utf8'));
  passed += report.numPassedTests;
  // A suite that could not be loaded has no tests of its own to count.
  failed += report.numFailedTests + report.numRuntimeErrorTestSuites;
}

const pytest = 'var/test/pytest.xml';
if (existsSync(pytest)) {
  const [, attributes] = /<testsuite ([^>]*)>/.exec(readFileSync(pytest, 'utf8')) ?? [];
  const count = (name) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(attributes ?? '')?.[1] ?? 0);
  const broken = count('failures') + count('errors');
  passed += count('tests') - broken - count('skipped');
  failed += broken;
}

console.log(`${passed} passed, ${failed} failed`);
