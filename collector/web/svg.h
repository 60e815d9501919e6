/* svg.h - pictures of measurements, made by the server. Colours and lines come from style.css by class; shape says the
 * same as colour. Nothing in a picture is scaled: it fills the width there is, in percent, and its letters keep their size.
 * Units:   _bps, _ms as in agent/base/measurement.h.
 * Threads: pure. */
#ifndef PLUMBLINE_SVG_H
#define PLUMBLINE_SVG_H

#include <jansson.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/base/measurement.h"
#include "collector/web/format.h"

struct svg_view {
	const struct reader *reader;
	const char *leg;          /* a name of leg_names: other measurements are left out */
	int64_t threshold_bps;    /* the dashed line; 0: none */
	int64_t from_ms, to_ms;   /* of the time axis */
	int height_px;
};

/* Appends one <svg>: throughput over time as points marked by judgement and joined while they follow each other, roll-ups as
 * bars, the threshold, both axes, <title> and <desc>. items: measurements and roll-ups as the API shows them, oldest first. */
void svg_throughput(const json_t *items, const struct svg_view *view, struct buf *ret_svg);

/* Appends the small picture of a judgement's mark, for a legend. */
void svg_mark(enum judgement judgement, struct buf *ret_svg);

#endif
