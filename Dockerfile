FROM python:3.12.14-slim@sha256:f77ac9e44ae96ef2c90b8053ea08c31f8be030f824196b0ae4db6d462c84e51f

RUN useradd --create-home --uid 1000 studio && mkdir /data /scratch && chown studio:studio /data /scratch
WORKDIR /studio

# What is installed is what was locked, byte for byte: `make lock` writes the hashes.
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes --no-deps --only-binary :all: -r requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY core core
COPY app app
COPY worker worker
COPY migrations migrations
RUN pip install --no-cache-dir --no-deps --no-build-isolation --no-index --editable .

USER 1000:1000
ENV VITASK_DATA=/data PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
VOLUME /data
EXPOSE 7860
CMD ["python", "-m", "app.main", "--host", "0.0.0.0"]
