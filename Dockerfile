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
HEALTHCHECK --interval=2s --timeout=2s --start-period=30s --retries=5 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9023/_health').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/apps/kv/main.js"]
