export * from './storage/typeorm';
export * from './state-machine/typeorm';
