# The image of pgnetflow: `docker build --tag pgnetflow .` (docs/docker.md tells how to run it).

FROM node:22-bookworm-slim AS build
WORKDIR /opt/pgnetflow
# The manifests come first: as long as they stay the same, the packages are taken from the build cache.
COPY package.json package-lock.json ./
# The compiler's binary is an optional package of the compiler, so --omit=optional would break the build. No package
# that is needed here has an install script.
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY scripts/clean.js scripts/page.js scripts/
COPY src src
RUN npm run build

FROM node:22-bookworm-slim
LABEL org.opencontainers.image.title="pgnetflow" \
      org.opencontainers.image.description="A PostgreSQL wire-protocol proxy that keeps the books of the network" \
      org.opencontainers.image.licenses="MIT"
WORKDIR /opt/pgnetflow
# All that is installed belongs to root, so that the process cannot change its own code; what a user wants kept (a
# report file, a statement log) goes to a volume on /var/lib/pgnetflow. A new named volume takes the owner from here.
RUN install --directory --owner=node --group=node /var/lib/pgnetflow
COPY package.json package-lock.json LICENSE ./
# The optional packages are PostgreSQL servers for `pgnetflow demo`: 60 MB that a proxy does not need.
RUN --mount=type=cache,target=/root/.npm \
    npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund
COPY scripts/healthcheck.js scripts/
COPY --from=build /opt/pgnetflow/dist/src dist/src

# 127.0.0.1, the default, could not be reached from outside the container. In the environment rather than in CMD, so
# that it holds for any command, and so that the health check knows it too.
ENV NODE_ENV=production \
    PGNETFLOW_LISTEN=0.0.0.0:6432
EXPOSE 6432
USER node
# On SIGTERM the proxy writes its report and exits. The exec form below makes node the process that gets the signal.
STOPSIGNAL SIGTERM
# Healthy: a session through the proxy is answered by PostgreSQL. --timeout is above the script's own 4 seconds, so that
# `docker inspect` shows what the script says.
HEALTHCHECK --interval=30s --timeout=6s --start-period=10s --retries=3 \
    CMD ["node", "scripts/healthcheck.js"]
ENTRYPOINT ["node", "dist/src/cli/main.js"]
# Only --upstream (or PGNETFLOW_UPSTREAM) is missing; without it the proxy says so and exits with 2.
CMD ["proxy"]
