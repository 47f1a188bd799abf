# The sample application: a replicated key-value store. See docker-compose.yml for a cluster of three.

FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY libs/raft/package.json libs/raft/
COPY apps/kv/package.json apps/kv/
# Optional packages are the embedded Postgres binaries and native accelerators: in a container, Postgres is a service.
RUN npm ci --ignore-scripts --omit=optional
COPY tsconfig.json tsconfig.tools.json ./
COPY scripts scripts
COPY libs/raft libs/raft
COPY apps/kv apps/kv
RUN node scripts/build-if-needed.mjs library application \
 && npm prune --ignore-scripts --omit=dev --omit=optional

FROM node:20-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/libs/raft/package.json libs/raft/
COPY --from=build /app/libs/raft/dist libs/raft/dist
COPY --from=build /app/apps/kv/package.json apps/kv/
COPY --from=build /app/dist/apps/kv dist/apps/kv
USER node
EXPOSE 9023 19023
# On a busy machine it takes seconds to start a process: a check that is late says nothing of the node.
HEALTHCHECK --interval=3s --timeout=15s --start-period=60s --retries=4 \
  CMD ["node", "-e", "require('http').get('http://127.0.0.1:9023/_health', ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
ENTRYPOINT ["node", "dist/apps/kv/main.js"]
