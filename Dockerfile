# Thimble on a machine of one's own: the same bundles that deploy, in workerd, with models on a volume.
#   docker build -t thimble .
#   docker run -p 8787:8787 -v thimble:/data thimble
#   docker run -p 8787:8787 -v thimble:/data thimble --model ID --memory 2GB
FROM node:24-bookworm-slim

WORKDIR /app
RUN mkdir /data && chown node:node /app /data
USER node

# Packages first: they change less often than the sources.
COPY --chown=node:node package.json package-lock.json .npmrc ./
COPY --chown=node:node scripts/build/package.json scripts/build/
RUN npm ci --omit=dev

COPY --chown=node:node tsconfig.json wrangler.toml LICENSE ./
COPY --chown=node:node assets assets
COPY --chown=node:node engine engine
COPY --chown=node:node web web
COPY --chown=node:node worker worker
COPY --chown=node:node scripts scripts
RUN npm run build

# Pulled files, imported models, local R2 and Durable Objects.
ENV THIMBLE_HOME=/data
VOLUME /data
EXPOSE 8787
STOPSIGNAL SIGINT
# At the first start the model is pulled and imported before the port is open.
HEALTHCHECK --interval=30s --timeout=5s --start-period=15m \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8787/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]

ENTRYPOINT ["node", "scripts/bin/thimble.mjs", "dev", "--host", "0.0.0.0", "--port", "8787"]
