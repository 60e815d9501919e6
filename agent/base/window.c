#include "agent/base/window.h"

struct window window_last(const void *stream, int count, int n, bool (*is_hit)(const void *stream, int index))
{
	struct window window = { .first = count > n ? count - n : 0, .first_hit = -1, .last_hit = -1 };

	window.length = count - window.first;
	for (int i = window.first; i < count; i++) {
		if (!is_hit(stream, i))
			continue;
		if (!window.hits++)
			window.first_hit = i;
		window.last_hit = i;
	}
	return window;
}
