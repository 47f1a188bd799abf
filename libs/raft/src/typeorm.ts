export * from './storage/typeorm';
