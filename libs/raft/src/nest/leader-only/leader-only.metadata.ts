export const LEADER_ONLY = 'nestjs-raft:leader-only';
