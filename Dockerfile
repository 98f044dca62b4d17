# docker build -t counterargument-biencoder .           # for NVIDIA GPUs; it runs on a CPU, too
# docker run --rm --gpus all counterargument-biencoder train --layernorm=False

# The wheels of torch bring CUDA's libraries, so NVIDIA's smallest flavour serves: beyond plain
# Ubuntu it names the driver that `docker run --gpus` must find. CUDA 13.0 is what the pinned torch
# is built for. Any Debian or Ubuntu with Python 3.11 or newer can take its place.
ARG BASE_IMAGE=nvidia/cuda:13.0.3-base-ubuntu24.04


# What building and running share: one layer, fetched once.
FROM ${BASE_IMAGE} AS python

# ca-certificates: downloads from a model hub trust the system's certificates.
# Versions are the pinned base's: a mirror keeps no older ones to pin.
# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/*


FROM python AS dependencies

# As above; and of this stage only the environment is kept.
# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-pip \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /build
COPY pyproject.toml constraints.txt constraints-image.txt ./

# The locked dependencies, before any source: a change of source leaves these gigabytes alone.
# The environment has no pip of its own; the system's fills it and stays behind. Binary wheels
# only, since there is no compiler. The libraries' own tests, 200 MB of them, stay behind, too.
RUN python3 -m venv --without-pip /opt/venv \
    && python3 -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
        print(*project["dependencies"], sep="\n")' > requirements.txt \
    && python3 -m pip --python /opt/venv/bin/python install --no-cache-dir --only-binary=:all: \
        -r requirements.txt -c constraints.txt -c constraints-image.txt \
    && find /opt/venv -type d -name tests -prune -exec rm -r {} +


FROM dependencies AS project

# In a folder of its own, to become a layer of its own; its scripts start the environment's Python.
# The build needs setuptools alone, which torch has brought along: no download here.
COPY . .
RUN python3 -m pip --python /opt/venv/bin/python install --no-cache-dir --no-deps \
        --no-build-isolation --prefix=/opt/project .


FROM python

# PYTHONUNBUFFERED: a line arrives when it is printed, not when a buffer is full.
# HOME, HF_HOME, MPLCONFIGDIR: one folder for whatever libraries keep, whoever runs them.
# LOGNAME: for libraries that ask for a name where --user has no line in /etc/passwd.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/cache \
    HF_HOME=/cache/huggingface \
    MPLCONFIGDIR=/cache/matplotlib \
    LOGNAME=app

COPY --from=dependencies /opt/venv /opt/venv

# The ids that most hosts give their first user, to whom files in mounted folders then belong.
# --non-unique: Ubuntu's image has a user 1000 already.
# Mode 1777, as /tmp has: `--user` may name anybody, and a new named volume copies the mode.
ARG APP_UID=1000
ARG APP_GID=1000
RUN groupadd --non-unique --gid "$APP_GID" app \
    && useradd --non-unique --uid "$APP_UID" --gid "$APP_GID" --home-dir /cache --no-log-init app \
    && mkdir -p /app/logs /app/checkpoints /data /cache \
    && chmod 1777 /app/logs /app/checkpoints /data /cache

COPY --from=project /opt/project /opt/venv

# Where the default folders logs/ and checkpoints/ are looked for.
WORKDIR /app

# By number, for Kubernetes' runAsNonRoot cannot judge a name.
USER ${APP_UID}:${APP_GID}

# No entry point, not even one of the base's: in `docker run IMAGE train …` the process that gets
# `docker stop`'s signal is `train` itself.
ENTRYPOINT []
CMD ["train", "--help"]

# Last, because it changes with every commit. The run log tells it.
ARG REVISION=unknown
ENV BIENCODER_COMMIT=${REVISION}
LABEL org.opencontainers.image.title="counterargument-biencoder" \
      org.opencontainers.image.description="Bi-encoders for best counter-argument retrieval" \
      org.opencontainers.image.revision="${REVISION}"
