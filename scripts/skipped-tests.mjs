// Which tests of a run were skipped, and why. A test that needs something says so at the end of its title: `[needs curl: …]`.

/** @returns the full names of the tests that a Jest report in JSON counts as skipped */
export function skippedTests({ testResults }) {
  return testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'pending' || status === 'todo').map(({ fullName }) => fullName),
  );
}

/** @returns a sentence for each reason, with the number of tests that it skipped */
export function describeSkips(fullNames) {
  const counts = new Map();
  for (const name of fullNames) {
    const reason = /\[(needs [^\]]+)\]/.exec(name)?.[1] ?? `no reason given: ${name}`;
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return [...counts].map(([reason, count]) => `Skipped: ${count} ${count === 1 ? 'test' : 'tests'}, ${reason}.`);
}
