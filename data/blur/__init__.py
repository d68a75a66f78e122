"""Random motion blur: seeded, in TensorFlow, many kernels at once.

trajectories.py   the camera's random path (Boracchi & Foi 2012, DeblurGAN's Algorithm 1)
kernels.py        paths -> kernels that sum to 1
motion.py         the degradation step: one kernel per image, or two that meet
"""
