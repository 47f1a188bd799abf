import { RaftError } from '../../errors/raft-error';
import type { ClassCheck } from '../../state-machine/calls/argument-checks';
import type { ArgumentIssue } from '../../state-machine/declare/standard-schema';

/** The part of class-validator's errors that is used. */
interface ValidationIssue {
  readonly property: string;
  readonly constraints?: Readonly<Record<string, string>>;
  readonly children?: readonly ValidationIssue[];
}

interface Validator {
  validate(value: object): Promise<readonly ValidationIssue[]>;
}

interface Transformer {
  plainToInstance(type: unknown, value: unknown): object;
}

/**
 * Checks arguments with class-validator. It and class-transformer are loaded at the first such check: they are optional.
 *
 * @throws RaftError `RAFT_CONFIGURATION` they aren't installed
 */
export const checkByClass: ClassCheck = async (type, value, path) => {
  if (typeof value !== 'object' || value === null) return [{ path, message: `must be an object, as ${type.name} is` }];
  const { validator, transformer } = await loaded(type.name);
  return flat(await validator.validate(transformer.plainToInstance(type, value)), path);
};

let libraries: Promise<{ readonly validator: Validator; readonly transformer: Transformer }> | undefined;

function loaded(className: string): NonNullable<typeof libraries> {
  libraries ??= load(className).catch((error: unknown) => {
    libraries = undefined;
    throw error;
  });
  return libraries;
}

async function load(className: string): Promise<{ readonly validator: Validator; readonly transformer: Transformer }> {
  // Names in variables, so that neither types nor bundlers need what may be absent.
  const [validatorName, transformerName] = ['class-validator', 'class-transformer'];
  try {
    return {
      validator: (await import(validatorName)) as Validator,
      transformer: (await import(transformerName)) as Transformer,
    };
  } catch (cause) {
    throw new RaftError(
      'RAFT_CONFIGURATION',
      `A command's arguments are checked by the class ${className}, and class-validator or class-transformer isn't installed: npm install class-validator class-transformer, or use a Standard Schema.`,
      { cause },
    );
  }
}

function flat(issues: readonly ValidationIssue[], path: string): readonly ArgumentIssue[] {
  return issues.flatMap(({ property, constraints = {}, children = [] }) => {
    const here = `${path}.${property}`;
    return [...Object.values(constraints).map((message) => ({ path: here, message })), ...flat(children, here)];
  });
}
