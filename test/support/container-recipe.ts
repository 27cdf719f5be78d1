import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { DockerfileParser } from 'dockerfile-ast';
import type { Copy, Healthcheck, Instruction, PropertyInstruction } from 'dockerfile-ast';

/** What the image runs, and as whom. */
export interface ImageConfiguration {
  workdir: string;
  env: Record<string, string>;
  user?: string;
  volumes: string[];
  entrypoint: string[];
  healthcheck: string[];
  stopSignal?: string;
}

/**
 * Runs the steps of a Containerfile without a container engine: each stage gets a folder in place of its root file
 * system. What comes from the images that it begins with is this machine's: the programs that its steps run, and Node.
 */
export class ContainerRecipe {
  private readonly directory = mkdtempSync(join(tmpdir(), 'latchkey-image-'));
  private readonly stages = new Map<string, string>();
  private image: ImageConfiguration = emptyImage();

  /** The folder of the last stage. */
  root = '';

  /** The files of `context`, the folder that an engine would be given. */
  constructor(
    private readonly containerfile: string,
    private readonly context: string,
  ) {}

  build(): ImageConfiguration {
    for (const instruction of instructionsOf(this.containerfile)) this.run(instruction);
    return this.image;
  }

  /** The place of a path of the image on this machine. */
  place(path: string): string {
    return join(this.root, path);
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  private run(instruction: Instruction): void {
    const text = instruction.getArgumentsContent() ?? '';
    switch (instruction.getKeyword()) {
      case 'FROM':
        return this.begin(/ AS (\w+)$/.exec(text)?.[1] ?? 'image');
      case 'WORKDIR':
        this.image.workdir = text;
        mkdirSync(this.place(text), { recursive: true });
        return;
      case 'COPY':
        return this.copy(instruction as Copy);
      case 'RUN':
        return this.execute(text);
      case 'ENV':
        for (const property of (instruction as PropertyInstruction).getProperties())
          this.image.env[property.getName()] = property.getValue()!;
        return;
      case 'USER':
        this.image.user = text;
        return;
      case 'VOLUME':
        this.image.volumes.push(text);
        return;
      case 'STOPSIGNAL':
        this.image.stopSignal = text;
        return;
      case 'ENTRYPOINT':
        this.image.entrypoint = JSON.parse(text) as string[];
        return;
      case 'HEALTHCHECK':
        this.image.healthcheck = JSON.parse(
          (instruction as Healthcheck).getArgumentsContent()!.replace(/^.*?CMD /s, ''),
        );
        return;
      case 'EXPOSE':
        return;
      default:
        throw new Error(`${instruction.getKeyword()} is new in the Containerfile, and this test does not know it.`);
    }
  }

  private begin(name: string): void {
    this.root = join(this.directory, name);
    this.stages.set(name, this.root);
    this.image = emptyImage();
    mkdirSync(this.root);
  }

  private copy(instruction: Copy): void {
    const paths = instruction.getArguments().map((argument) => argument.getValue());
    const to = paths.pop()!;
    const stage = fromOf(instruction);
    const from = stage ? this.stages.get(stage)! : this.context;
    const target = to.startsWith('/') ? this.place(to) : join(this.place(this.image.workdir), to);
    for (const path of paths) {
      const source = path === '/usr/local/bin/node' ? process.execPath : join(from, path);
      if (!existsSync(source)) throw new Error(`COPY ${path}: there is no such file.`);
      const isFolder = statSync(source).isDirectory();
      cpSync(source, isFolder ? target : join(target, basename(path)), {
        recursive: true,
        verbatimSymlinks: true,
        // Packages that were installed for this folder are no part of it.
        filter: (file) => stage !== undefined || basename(file) !== 'node_modules',
      });
    }
  }

  private execute(command: string): void {
    execFileSync('sh', ['-euc', command], {
      cwd: this.place(this.image.workdir),
      env: {
        // How this machine reaches the packages is in its environment.
        ...process.env,
        NODE_ENV: undefined,
        PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
        ...this.image.env,
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
}

/** The instructions of a Containerfile, in their order. */
export function instructionsOf(containerfile: string): Instruction[] {
  return DockerfileParser.parse(readFileSync(containerfile, 'utf8')).getInstructions();
}

/** The paths of the context that a Containerfile copies. */
export function copiedFromContext(containerfile: string): string[] {
  return instructionsOf(containerfile)
    .filter((instruction) => instruction.getKeyword() === 'COPY')
    .map((instruction) => instruction as Copy)
    .filter((copy) => fromOf(copy) === undefined)
    .flatMap((copy) => copy.getArguments().slice(0, -1))
    .map((argument) => argument.getValue());
}

/** The stage that an instruction copies from. */
function fromOf(copy: Copy): string | undefined {
  return copy
    .getFlags()
    .find((flag) => flag.getName() === 'from')
    ?.getValue() as string | undefined;
}

function emptyImage(): ImageConfiguration {
  return { workdir: '/', env: {}, volumes: [], entrypoint: [], healthcheck: [] };
}
