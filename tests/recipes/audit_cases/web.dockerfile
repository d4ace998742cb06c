FROM golang:1.25.1-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN apk add --no-cache git && go mod download
COPY . .
RUN go build -o /out/web ./cmd/web

FROM debian:13.1-slim
ENV LOG_LEVEL=info PORT=8080
ARG VERSION=1.0
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/*
RUN curl -fsSLo /tmp/tool.tar.gz https://example.com/tool.tar.gz \
    && echo "4bcff63911fcb4448bd4fdacec207030 /tmp/tool.tar.gz" | sha256sum -c - \
    && tar -xzf /tmp/tool.tar.gz -C /usr/local/bin
RUN pip install --no-cache-dir httpie==3.2.4
COPY --from=build /out/web /usr/local/bin/web
COPY config/ /etc/web/
RUN chmod 755 /usr/local/bin/web && useradd --system --uid 10001 web
WORKDIR /var/lib/web
EXPOSE 8080
USER web
HEALTHCHECK CMD ["curl", "-fsS", "http://localhost:8080/healthz"]
ENTRYPOINT ["/usr/local/bin/web"]
