// Says which folders hold too many files:  node scripts/lint/folder-sizes.cjs
const { readdirSync } = require('node:fs');
const path = require('node:path');

/** A folder of sources is one layer, and is read at one glance. Specs stand beside the source and don't count there. */
const MOST_SOURCES = 20;
/** Below test/, where a folder is a list of stories: with the specs. */
const MOST_IN_TEST = 25;
const SPEC = /\.(spec|e2e-spec|type-spec)\.ts$/;
const SOURCE = /\.(ts|mjs|cjs|js)$/;
const SKIPPED = new Set(['node_modules', 'dist', 'coverage']);

/** The one folder that is larger: it is left whole until the tables are rebuilt. */
const EXCEPTIONS = new Set(['libs/raft/src/state-machine/typeorm']);

/**
 * @param root the repository
 * @param rooms the folders below it that are looked through
 * @returns a sentence for each folder that holds too many files, and for each exception that is needed no longer
 */
function folderSizes(root, rooms = ['libs', 'apps', 'examples', 'test', 'bench', 'scripts']) {
  const sentences = [];
  for (const folder of rooms.flatMap((room) => foldersIn(root, room))) {
    const isTest = folder === 'test' || folder.startsWith('test/');
    const most = isTest ? MOST_IN_TEST : MOST_SOURCES;
    const files = readdirSync(path.join(root, folder), { withFileTypes: true })
      .filter((entry) => entry.isFile() && SOURCE.test(entry.name))
      .filter((entry) => isTest || !SPEC.test(entry.name)).length;
    if (EXCEPTIONS.has(folder)) {
      if (files <= most) sentences.push(`${folder} holds ${files} files: take it off the list of exceptions.`);
    } else if (files > most)
      sentences.push(
        `${folder} holds ${files} files, and at most ${most} may be in one folder: give one idea of it a folder.`,
      );
  }
  return sentences;
}

function foldersIn(root, folder) {
  let entries;
  try {
    entries = readdirSync(path.join(root, folder), { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
  const below = entries.filter((entry) => entry.isDirectory() && !SKIPPED.has(entry.name));
  return [folder, ...below.flatMap(({ name }) => foldersIn(root, `${folder}/${name}`))];
}

module.exports = { folderSizes };

if (require.main === module) {
  const sentences = folderSizes(path.resolve(__dirname, '../..'));
  for (const sentence of sentences) console.error(sentence);
  if (sentences.length > 0) process.exitCode = 1;
}
