"""What the studio serves besides its pages: health, figures for Prometheus, pictures and downloads."""
