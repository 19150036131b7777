"""A family, a file or a folder. Import its model: `from genaug_lessons.models.vae import VAE`."""
