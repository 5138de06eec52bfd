// One task to a process of its own, one answer back.
import { fork } from 'node:child_process';

/** Throws an Error where the process ends without an answer. Its errors go to this process's stderr. */
export function runForked<Task extends object, Answer>(
  program: string,
  task: Task,
  execArgv: string[] = [],
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // "advanced": bodies travel as bytes, not as JSON.
    const child = fork(program, { serialization: 'advanced', execArgv });
    let answer: { readonly value: Answer } | undefined;
    child.once('message', (value) => {
      answer = { value: value as Answer };
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (answer !== undefined) resolve(answer.value);
      else reject(new Error(`${program} ended without an answer (${signal ?? `exit code ${code}`}).`));
    });
    child.send(task);
  });
}
