/* outages.h - the outages of a line and its availability, as the API shows them.
 * Threads: a store thread, inside a step. */
#ifndef PLUMBLINE_API_OUTAGES_H
#define PLUMBLINE_API_OUTAGES_H

#include "collector/api/api.h"
#include "collector/decide/outages.h"

/* {items, cursor, availability} of a period; *ret_availability has its figures, to be added to those of other lines. */
int outages_show(struct api_call *call, struct txn *txn, const struct line *line, const struct stretch *period,
		 json_t **ret_outages, struct availability *ret_availability, struct err *err);

#endif
