export type { EmbeddedPostgres, EmbeddedPostgresOptions } from './embedded-postgres.interface';
export { startEmbeddedPostgres } from './start-embedded-postgres';
