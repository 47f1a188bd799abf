const src = 'libs/raft/src';

/** @returns the path below `src` of an entry of a room's lists: `./base` of `core` is `core/base` */
function placeOf(room, entry) {
  if (entry === './') return room;
  return entry.startsWith('./') ? `${room}/${entry.slice(2)}` : entry;
}

/** @returns the pattern of the files that an entry means */
function patternOf(place) {
  if (place.endsWith('.ts')) return `^${src}/${escaped(place)}$`;
  if (place.endsWith('/**')) return `^${src}/${escaped(place.slice(0, -3))}/`;
  return `^${src}/${escaped(place)}/[^/]+\\.ts$`;
}

function escaped(place) {
  return place.replaceAll('.', '\\.');
}

/** @returns each folder with what it may import, in the order of the table */
function allowLists(rooms) {
  return rooms.flatMap(({ room, why, takes, folders }) =>
    Object.entries(folders).map(([folder, imports]) => ({
      folder: placeOf(room, folder),
      why,
      imports: [...takes, ...imports.map((entry) => placeOf(room, entry))],
    })),
  );
}

/**
 * Makes a rule of each folder: whatever its list doesn't name is forbidden, types included.
 *
 * @param rooms see `folders.cjs`
 * @param tests the pattern of specs, which may import anything
 * @returns rules for dependency-cruiser, each under the name of its folder
 * @throws Error where a list names a folder that doesn't come before it: imports could go round in a circle
 */
function folderRules(rooms, tests) {
  const lists = allowLists(rooms);
  const known = [];
  for (const { folder, imports } of lists) {
    for (const place of imports) if (!isKnown(known, place)) throw new Error(outOfOrder(folder, place));
    known.push(folder);
  }
  const rules = lists.map(({ folder, why, imports }) => ({
    name: folder,
    severity: 'error',
    comment: `${why} What this folder may import stands in scripts/lint/folders.cjs.`,
    from: { path: patternOf(folder), pathNot: [tests, ...filesWithin(lists, folder)] },
    to: { path: `^${src}/`, pathNot: [folder, ...imports].map(patternOf) },
  }));
  return [
    ...rules,
    {
      name: 'every-folder-has-a-list',
      severity: 'error',
      comment:
        'A folder that scripts/lint/folders.cjs doesn’t name may import anything, and could be imported by anything.',
      from: {},
      to: {
        path: `^${src}/`,
        pathNot: [`^${src}/[^/]+\\.ts$`, tests, ...lists.map(({ folder }) => patternOf(folder))],
      },
    },
  ];
}

/** Files of a folder that have a list of their own. */
function filesWithin(lists, folder) {
  return lists
    .map((list) => list.folder)
    .filter((place) => place.endsWith('.ts') && place.startsWith(`${folder}/`))
    .map(patternOf);
}

function isKnown(known, place) {
  return place.endsWith('/**')
    ? known.some((folder) => `${folder}/`.startsWith(place.slice(0, -2)))
    : known.some((folder) => folder === place);
}

function outOfOrder(folder, place) {
  return (
    `scripts/lint/folders.cjs lets ${folder} import ${place}, which doesn't stand before it. Imports could go round in a circle. ` +
    'Move what both need into a folder that stands before both.'
  );
}

module.exports = { allowLists, folderRules };
