// A red-black tree whose nodes are embedded in their owners. The user keeps the order: he finds the place, links the
// node there and calls tree_insert_fixup.
#pragma once

#include <stdbool.h>

#include "lib/types.h"

struct tree_node {
    struct tree_node *parent;
    struct tree_node *left;
    struct tree_node *right;
    bool red;
};

struct tree {
    struct tree_node *root;
};

// Puts node at *link, below parent (nullptr for an empty tree), and restores the balance.
void tree_insert(struct tree *tree, struct tree_node *node, struct tree_node *parent, struct tree_node **link);
void tree_remove(struct tree *tree, struct tree_node *node);

struct tree_node *tree_first(const struct tree *tree);
struct tree_node *tree_last(const struct tree *tree);
struct tree_node *tree_next(const struct tree_node *node);
struct tree_node *tree_previous(const struct tree_node *node);

#define tree_entry(pointer, type, member) container_of(pointer, type, member)
