# Both bases can be of your own registry: anything with Node 24 at /usr/local/bin/node. Pin what you take by digest: --build-arg BASE=...@sha256:...
# The tag is pinned here; no digest stands beside it, since this file was made where no registry of images can be reached.
ARG BASE=docker.io/library/node:24.21.0-bookworm-slim
# Needs npm, tar and the npm registry besides.
ARG BUILDER=${BASE}

FROM ${BUILDER} AS product
WORKDIR /build
COPY . .
RUN ["/usr/local/bin/node", "scripts/product.mjs", "/product"]
# What the image's user may write to, and nothing else.
RUN ["/usr/local/bin/node", "-e", "fs.mkdirSync('/volume/state', { recursive: true }); fs.mkdirSync('/volume/keys')"]

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="customhouse" \
      org.opencontainers.image.description="The border post for model traffic: a reverse proxy that decides with your own Rego, and proves what it did." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=product --chown=0:0 /product /opt/customhouse
COPY --from=product --chown=10001:10001 /volume /data
ENV NODE_ENV=production \
    CUSTOMHOUSE_CONFIG=/etc/customhouse/customhouse.yaml \
    CUSTOMHOUSE_STATE=/data/state \
    CUSTOMHOUSE_KEYS=/data/keys
WORKDIR /data
USER 10001:10001
EXPOSE 8450 8451
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/local/bin/node", "/opt/customhouse/bin/customhouse.js", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/node", "/opt/customhouse/bin/customhouse.js"]
CMD ["serve"]
