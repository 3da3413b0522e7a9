FROM python:3.12-slim

RUN useradd --create-home --uid 1000 studio && mkdir /data && chown studio /data
WORKDIR /studio

COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY core core
COPY app app
COPY worker worker
COPY migrations migrations
RUN pip install --no-cache-dir -c constraints.txt --editable ".[postgres,s3]"

USER studio
ENV VITASK_DATA=/data PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 7860
CMD ["python", "-m", "app.main", "--host", "0.0.0.0"]
