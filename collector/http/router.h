/* router.h - finds the route of a method and path in a table: "/api/v1/clients/{id}".
 * Threads: pure. */
#ifndef PLUMBLINE_ROUTER_H
#define PLUMBLINE_ROUTER_H

#include <stddef.h>

#define ROUTE_PARAMETERS_MAX 4
#define ROUTE_PARAMETER_SIZE 128

struct route_match {
	char parameters[ROUTE_PARAMETERS_MAX][ROUTE_PARAMETER_SIZE];   /* decoded, in the order of the pattern */
};

enum route_found { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_NO_METHOD };

/* Walks count rows of row_size bytes whose first two members are const char *method and const char *pattern.
 * The first row that fits wins. On ROUTE_FOUND *ret_index is the row; on ROUTE_NO_METHOD ret_allow ("GET, POST") lists what the path takes.
 * A HEAD request finds GET rows. */
enum route_found route_find(const void *rows, size_t count, size_t row_size, const char *method, const char *path,
			    size_t *ret_index, struct route_match *ret_match, char *ret_allow, size_t allow_size);

#endif
