"""Why a network answered as it did: heatmaps and occlusion, on the time axis of the signal."""
