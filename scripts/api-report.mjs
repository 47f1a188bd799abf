// What of the library is public, entry by entry: libs/raft/etc/*.api.md, written by api-extractor and kept in the repository,
// so that a change of it is seen in review.
//
//   node scripts/api-report.mjs            fails where the sources say something else than the reports
//   node scripts/api-report.mjs --update   writes the reports
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { buildIfNeeded } from './build-if-needed.mjs';
import { entryPoints, packageFolder, root } from './package-entries.mjs';

const update = process.argv.includes('--update');
const reports = path.join(packageFolder, 'etc');
const beside = path.join(root, 'dist', 'api-report');
const failures = [];

await buildIfNeeded({ only: ['library'] });
await mkdir(reports, { recursive: true });
const written = new Set();
for (const entry of await entryPoints()) {
  const name = entry.specifier.replace('/', '-');
  written.add(`${name}.api.md`);
  report(entry, name);
}
for (const file of await readdir(reports)) {
  if (written.has(file)) continue;
  if (update) await rm(path.join(reports, file));
  else failures.push(`libs/raft/etc/${file} belongs to no entry point`);
}
for (const failure of failures) process.stderr.write(`api: ${failure}\n`);
if (failures.length > 0) {
  process.stderr.write(
    'api: npm run api:update writes the reports anew. Commit them with the change that they are about.\n',
  );
  process.exitCode = 1;
} else
  process.stderr.write(`The API reports ${update ? 'are written' : 'are up to date'}: ${[...written].join(', ')}.\n`);

function report({ types, specifier }, name) {
  const silent = { logLevel: ExtractorLogLevel.None, addToApiReportFile: false };
  const extractorConfig = ExtractorConfig.prepare({
    packageJsonFullPath: path.join(packageFolder, 'package.json'),
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: packageFolder,
      mainEntryPointFilePath: path.join(packageFolder, types),
      newlineKind: 'lf',
      compiler: { tsconfigFilePath: path.join(packageFolder, 'tsconfig.build.json'), skipLibCheck: true },
      apiReport: { enabled: true, reportFolder: reports, reportTempFolder: beside, reportFileName: name },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        // Comments say what is public with @publicApi; what isn't exported but named stands in the report where it is used.
        extractorMessageReporting: { default: silent },
        tsdocMessageReporting: { default: silent },
      },
    },
  });
  let errors = 0;
  const result = Extractor.invoke(extractorConfig, {
    localBuild: update,
    messageCallback: (message) => {
      message.handled = true;
      if (message.logLevel !== ExtractorLogLevel.Error) return;
      errors++;
      process.stderr.write(`${message.text}\n`);
    },
  });
  if (errors > 0) failures.push(`${specifier} can't be read`);
  else if (result.apiReportChanged && !update) failures.push(`${specifier} has changed (libs/raft/etc/${name}.api.md)`);
}
