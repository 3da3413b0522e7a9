"""The hands of the studio: workers that take jobs from a queue and carry them out. Celery lives only here."""
