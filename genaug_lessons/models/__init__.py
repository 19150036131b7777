"""One family, one file. Import the model you need: `from genaug_lessons.models.vae import VAE`."""
