#include "collector/decide/exemption.h"

#include <stddef.h>

const struct exemption *exemption_at(const struct exemption *list, int count, int leg, int64_t at_ms, bool is_content)
{
	for (int i = 0; i < count && list[i].from_ms <= at_ms; i++) {
		const struct exemption *exemption = &list[i];

		if (at_ms < exemption->to_ms && (exemption->leg == EXEMPT_BOTH_LEGS || exemption->leg == leg) &&
		    (is_content || exemption->why != EXEMPT_CONTENT))
			return exemption;
	}
	return NULL;
}
