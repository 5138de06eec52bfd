// Reads a Dockerfile into its stages, as far as its steps can be done without Docker.
import { type Copy, DockerfileParser, type Instruction } from 'dockerfile-ast';

export type Step =
  | {
      readonly type: 'copy';
      readonly from: string | undefined;
      readonly sources: string[];
      readonly to: string;
    }
  | { readonly type: 'run'; readonly command: string };

export interface Stage {
  readonly image: string;
  /** Of `AS`; '' for the last one. */
  readonly name: string;
  /** Absolute. */
  readonly workdir: string;
  readonly steps: readonly Step[];
  readonly env: Readonly<Record<string, string>>;
  readonly user: string | undefined;
  /** The argument vectors of CMD and HEALTHCHECK. */
  readonly cmd: readonly string[] | undefined;
  readonly healthcheck: readonly string[] | undefined;
}

type Draft = { -readonly [K in keyof Stage]: Stage[K] } & { steps: Step[]; env: Record<string, string> };

/** Throws an Error that names the instruction where it is one that is not understood here. */
export function readStages(text: string): Stage[] {
  const stages: Draft[] = [];
  for (const instruction of DockerfileParser.parse(text).getInstructions()) {
    const args = instruction.getArguments().map((argument) => argument.getValue());
    if (instruction.getKeyword() === 'FROM') stages.push(newStage(args));
    else read(instruction, args, stages.at(-1) ?? fail('something before FROM'));
  }
  return stages;
}

function newStage([image = '', , name = '']: readonly string[]): Draft {
  const nothing = { user: undefined, cmd: undefined, healthcheck: undefined };
  return { image, name, workdir: '/', steps: [], env: {}, ...nothing };
}

function read(instruction: Instruction, args: string[], stage: Draft): void {
  const whole = instruction.getRawArgumentsContent() ?? '';
  switch (instruction.getKeyword()) {
    case 'WORKDIR':
      stage.workdir = args[0] ?? '/';
      break;
    case 'COPY':
      stage.steps.push(copy(instruction as Copy, args));
      break;
    case 'RUN':
      stage.steps.push({ type: 'run', command: withoutContinuations(whole) });
      break;
    case 'ENV':
      for (const pair of args) {
        const at = pair.indexOf('=');
        stage.env[pair.slice(0, at)] = pair.slice(at + 1);
      }
      break;
    case 'USER':
      stage.user = args[0];
      break;
    case 'CMD':
      stage.cmd = vector(whole);
      break;
    case 'HEALTHCHECK':
      stage.healthcheck = vector(whole.slice(whole.indexOf('CMD') + 3));
      break;
    case 'ENTRYPOINT':
      if (vector(whole).length > 0) fail('ENTRYPOINT');
      break;
    case 'LABEL':
    case 'EXPOSE':
    case 'VOLUME':
      break;
    default:
      fail(instruction.getKeyword());
  }
}

function copy(instruction: Copy, args: readonly string[]): Step {
  const from = instruction.getFromFlag()?.getValue() ?? undefined;
  return { type: 'copy', from, sources: args.slice(0, -1), to: args.at(-1) ?? '' };
}

/** Of the exec form alone: a shell between would not hand the signal on. */
function vector(text: string): string[] {
  return JSON.parse(withoutContinuations(text)) as string[];
}

function withoutContinuations(text: string): string {
  return text.replaceAll(/\\\n/g, ' ').replaceAll(/\s+/g, ' ').trim();
}

function fail(what: string): never {
  throw new Error(`Dockerfile: ${what} is not understood here.`);
}
