#include "agent/measure/record.h"

#include <string.h>

#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"

void record_request(struct measurement *record, const struct probe_request *request, const struct instant *start)
{
	measurement_init(record);
	record->leg = (int)request->leg;
	record->trigger = (int)request->trigger;
	text_copy(record->file, sizeof record->file, request->file_name);
	text_copy(record->order, sizeof record->order, request->order ? request->order : "");
	record->cell_ms = request->cell_ms;
	record->started_ms = start->realtime_ms;
	record->boottime_us = start->boottime_us;
	if (request->threshold_bps)
		record->threshold_bps = request->threshold_bps;
}

void record_transfer(struct measurement *record, const struct transfer_result *result)
{
	int64_t end_us = result->t6_us == JSON_ABSENT ? result->ended_us : result->t6_us;

	record->duration_us = end_us - result->t0_us;
	record->bytes = result->bytes;
	record->dns_us = result->dns_us;
	record->connect_us = result->connect_us;
	record->tls_us = result->tls_us;
	record->first_byte_us = result->first_byte_us;
	record->http_status = result->http_status;
	text_copy(record->peer, sizeof record->peer, result->peer);
	if (*result->peer_ip)
		record->family = strchr(result->peer_ip, ':') ? 6 : 4;
}

void record_counters(struct traffic *ret_traffic)
{
	struct err err;

	if (traffic_read(ret_traffic, &err) < 0)
		log_warning("%s; the client's own traffic stays unknown", err.message);
}

static const struct traffic_interface *find_carrier(const struct traffic *traffic, const char *interface,
						    const struct transfer_result *result)
{
	struct err err;
	int index;

	if (interface)
		return traffic_by_name(traffic, interface);
	if (!*result->local_ip || traffic_egress(result->local_ip, result->peer_ip, &index, &err) < 0)
		return NULL;
	return traffic_by_index(traffic, index);
}

void record_cross_traffic(struct measurement *record, const struct traffic *before, const char *interface, bool sees_part,
			  const struct transfer_result *result, int64_t own_bytes)
{
	const struct traffic_interface *carrier;
	struct traffic after = { 0 };
	struct traffic_cross cross;

	record_counters(&after);
	carrier = find_carrier(&after, interface, result);
	if (carrier) {
		cross = traffic_cross(traffic_by_index(before, carrier->index), carrier, own_bytes, record->duration_us);
		record->cross_rx_bps = cross.rx_bps;
		record->cross_tx_bps = cross.tx_bps;
		record->cross = cross.rx_bps == JSON_ABSENT || sees_part ? CROSS_UNKNOWN : CROSS_MEASURED;
		text_copy(record->interface, sizeof record->interface, carrier->name);
	}
	traffic_free(&after);
}
