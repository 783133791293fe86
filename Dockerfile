# One image for the operator and the nodes: the command chooses. It holds nothing but the static
# programs that `make build` puts into bin/, so building it reaches no registry, and there is no
# shell, no package and no library in it.
FROM scratch
LABEL org.opencontainers.image.title="ringkv" \
      org.opencontainers.image.description="A distributed key-value store that Kubernetes runs" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY bin/manager bin/kvnode bin/kvctl /
ENV PATH=/
USER 65532:65532
CMD ["/kvnode", "--help"]
