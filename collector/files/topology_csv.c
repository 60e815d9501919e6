#include "collector/files/topology_csv.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/faults.h"
#include "agent/base/mem.h"
#include "collector/base/text_index.h"
#include "collector/files/csv.h"

enum column { NODE, KIND, PARENTS, NAME, COLUMN_COUNT };

static const struct csv_column columns[] = {
	[NODE] = { .name = "node" },
	[KIND] = { .name = "kind" },
	[PARENTS] = { .name = "parents" },
	[NAME] = { .name = "name" },
	[COLUMN_COUNT] = { .name = NULL },
};

enum colour { UNSEEN, ON_PATH, DONE };

/* A row of the file while it is read; parents are rows too. */
struct vertex {
	size_t *parents;
	size_t parent_count;
	size_t next_parent;    /* of the walk */
	enum colour colour;
	size_t place;          /* in the result, once it is DONE */
};

struct import {
	struct csv csv;
	struct faults faults;
	struct text_index rows;   /* id to the row where it stands first */
	struct vertex *vertices;
	size_t *path, path_length;   /* of the walk, from a node up */
	size_t *order, order_length; /* rows, parents before their children */
};

static void check_length(struct import *import, size_t row, enum column column, size_t size)
{
	if (strlen(csv_text(&import->csv, row, column)) >= size)
		csv_fault(&import->csv, row, column, "longer than %zu bytes, shorten it", size - 1);
}

static void read_node(struct import *import, size_t row)
{
	const char *id = csv_text(&import->csv, row, NODE);
	size_t first;

	check_length(import, row, NODE, ID_SIZE);
	check_length(import, row, KIND, ID_SIZE);
	check_length(import, row, NAME, NAME_SIZE);
	if (!*csv_text(&import->csv, row, KIND))
		csv_fault(&import->csv, row, KIND, "is empty, fill it in");
	if (!*id) {
		csv_fault(&import->csv, row, NODE, "is empty, fill it in");
		return;
	}
	if (strchr(id, ';'))
		csv_fault(&import->csv, row, NODE, "\"%.60s\" has a \";\", which separates parents: choose another id",
			  id);
	first = text_index_add(&import->rows, id, row);
	if (first != TEXT_INDEX_NONE)
		csv_fault(&import->csv, row, NODE, "\"%.60s\" stands in line %u already, remove one", id,
			  csv_field(&import->csv, first, NODE)->line);
}

static bool has_parent(const struct vertex *vertex, size_t parent)
{
	for (size_t i = 0; i < vertex->parent_count; i++)
		if (vertex->parents[i] == parent)
			return true;
	return false;
}

static void add_parent(struct import *import, size_t row, const char *id)
{
	struct vertex *vertex = &import->vertices[row];
	size_t parent = text_index_find(&import->rows, id);

	if (parent == TEXT_INDEX_NONE) {
		csv_fault(&import->csv, row, PARENTS, "\"%.60s\" is no node of this file, add it or correct the name", id);
	} else if (has_parent(vertex, parent)) {
		csv_fault(&import->csv, row, PARENTS, "\"%.60s\" stands here twice, remove one", id);
	} else {
		vertex->parents = xrealloc(vertex->parents, vertex->parent_count + 1, sizeof *vertex->parents);
		vertex->parents[vertex->parent_count++] = parent;
	}
}

/* "u1; u2", where empty pieces mean nothing */
static void read_parents(struct import *import, size_t row)
{
	const char *at = csv_text(&import->csv, row, PARENTS);

	while (*at) {
		size_t length = strcspn(at, ";");
		const char *start = at + strspn(at, " \t");
		const char *end = at + length;

		while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
			end--;
		if (end > start) {
			struct buf id = { 0 };

			buf_append(&id, start, (size_t)(end - start));
			add_parent(import, row, buf_text(&id));
			buf_free(&id);
		}
		at += length + (at[length] == ';');
	}
}

/* The path's upper end leads back to row, which is on the path. */
static void fault_cycle(struct import *import, size_t row)
{
	size_t last = import->path[import->path_length - 1];
	struct buf cycle = { 0 };
	size_t i = 0;

	while (import->path[i] != row)
		i++;
	for (; i < import->path_length; i++)
		buf_printf(&cycle, "%s under ", csv_text(&import->csv, import->path[i], NODE));
	csv_fault(&import->csv, last, PARENTS, "%s%s is a cycle, remove a parent", buf_text(&cycle),
		  csv_text(&import->csv, row, NODE));
	buf_free(&cycle);
}

/* Depth first up the parents, without recursion: what is done was put into the order after all that is above it. */
static void walk_up(struct import *import, size_t start)
{
	import->path[import->path_length++] = start;
	import->vertices[start].colour = ON_PATH;
	while (import->path_length) {
		size_t row = import->path[import->path_length - 1];
		struct vertex *vertex = &import->vertices[row];

		if (vertex->next_parent == vertex->parent_count) {
			vertex->colour = DONE;
			vertex->place = import->order_length;
			import->order[import->order_length++] = row;
			import->path_length--;
			continue;
		}
		row = vertex->parents[vertex->next_parent++];
		if (import->vertices[row].colour == ON_PATH) {
			fault_cycle(import, row);
		} else if (import->vertices[row].colour == UNSEEN) {
			import->vertices[row].colour = ON_PATH;
			import->path[import->path_length++] = row;
		}
	}
}

static void read_rows(struct import *import)
{
	size_t count = import->csv.row_count;

	import->vertices = xcalloc(count, sizeof *import->vertices);
	import->path = xcalloc(count, sizeof *import->path);
	import->order = xcalloc(count, sizeof *import->order);
	text_index_init(&import->rows, count);
	for (size_t row = 0; row < count; row++)
		read_node(import, row);
	for (size_t row = 0; row < count; row++)
		read_parents(import, row);
	text_index_close(&import->rows);
	for (size_t row = 0; row < count; row++)
		if (import->vertices[row].colour == UNSEEN)
			walk_up(import, row);
}

static void make_nodes(const struct import *import, struct topology_csv *topology)
{
	topology->node_count = import->order_length;
	topology->nodes = xcalloc(topology->node_count, sizeof *topology->nodes);
	for (size_t i = 0; i < topology->node_count; i++) {
		size_t row = import->order[i];
		const struct vertex *vertex = &import->vertices[row];
		struct topology_node *made = &topology->nodes[i];
		const char *name = csv_text(&import->csv, row, NAME);

		text_copy(made->node.id, sizeof made->node.id, csv_text(&import->csv, row, NODE));
		text_copy(made->node.kind, sizeof made->node.kind, csv_text(&import->csv, row, KIND));
		text_copy(made->node.name, sizeof made->node.name, *name ? name : made->node.id);
		made->parents = xcalloc(vertex->parent_count, sizeof *made->parents);
		for (size_t j = 0; j < vertex->parent_count; j++)
			made->parents[j] = topology->nodes[import->vertices[vertex->parents[j]].place].node.id;
		made->parent_count = vertex->parent_count;
	}
}

static void import_free(struct import *import)
{
	for (size_t row = 0; row < import->csv.row_count; row++)
		free(import->vertices[row].parents);
	free(import->vertices);
	free(import->path);
	free(import->order);
	csv_free(&import->csv);
}

int topology_csv_parse(const char *name, const char *bytes, size_t length, struct topology_csv *ret_topology,
		       struct buf *ret_faults, struct err *err)
{
	struct import import = { .faults = faults_of(name, ret_faults) };
	int rc;

	csv_parse(bytes, length, columns, &import.csv, &import.faults);
	read_rows(&import);
	rc = faults_end(&import.faults, ERR_INPUT, err);
	if (rc == 0)
		make_nodes(&import, ret_topology);
	import_free(&import);
	return rc;
}

void topology_csv_free(struct topology_csv *topology)
{
	for (size_t i = 0; i < topology->node_count; i++)
		free(topology->nodes[i].parents);
	free(topology->nodes);
	*topology = (struct topology_csv){ 0 };
}
