# syntax=docker/dockerfile:1
# The program is built where npm is; the image that runs on nodes has Node.js, both variants of iptables, and little else.
FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY . .
# Scripts of dependencies are not needed: native parts come prebuilt.
RUN npm ci --ignore-scripts --no-audit --no-fund \
    && node node_modules/nx/dist/bin/nx.js run @signalbox/proxy:build

FROM node:24-bookworm-slim
# kmod loads the kernel's IPVS modules; `signalbox test` connects its temporary pod with ip. The other tools are for operators.
# hadolint ignore=DL3008 -- the release of Debian pins them, and security fixes should come in
RUN apt-get update \
    && apt-get install -y --no-install-recommends conntrack ipset iptables iproute2 ipvsadm kmod nftables \
    && rm -rf /var/lib/apt/lists/* /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /opt/yarn*
COPY --from=build /build/apps/proxy/dist /opt/signalbox
COPY --from=build /build/LICENSE /opt/signalbox/LICENSE
COPY --chmod=755 deploy/image/iptables-by-node.sh /usr/sbin/iptables-by-node
# iptables runs the variant that the node uses; kubeadm's DaemonSet calls /usr/local/bin/kube-proxy.
RUN for tool in iptables ip6tables; do \
      for suffix in '' -save -restore; do ln -sf iptables-by-node "/usr/sbin/$tool$suffix"; done; \
    done \
    && ln -s /opt/signalbox/main.js /usr/local/bin/signalbox \
    && ln -s /opt/signalbox/main.js /usr/local/bin/kube-proxy
# SIGUSR1 must not open the inspector of Node.js: a port of the node through which every user of it runs code here.
# Each of Node.js's ten threads has an arena of glibc's malloc otherwise, and keeps in it what it once needed: 6 to 10 MB.
ENV NODE_ENV=production NODE_OPTIONS=--disable-sigusr1 MALLOC_ARENA_MAX=1
ENTRYPOINT ["/usr/local/bin/signalbox"]
