"""Where frames come from: files and URLs, folders of images, the procedural match."""
