#include "lib/tree.h"

static void rotate(struct tree *tree, struct tree_node *node, bool to_left) {
    struct tree_node *child = to_left ? node->right : node->left;
    struct tree_node *inner = to_left ? child->left : child->right;
    if (to_left)
        node->right = inner;
    else
        node->left = inner;
    if (inner) inner->parent = node;
    child->parent = node->parent;
    if (!node->parent)
        tree->root = child;
    else if (node->parent->left == node)
        node->parent->left = child;
    else
        node->parent->right = child;
    if (to_left)
        child->left = node;
    else
        child->right = node;
    node->parent = child;
}

void tree_insert(struct tree *tree, struct tree_node *node, struct tree_node *parent, struct tree_node **link) {
    *node = (struct tree_node){.parent = parent, .red = true};
    *link = node;
    while (node->parent && node->parent->red) {
        struct tree_node *above = node->parent;
        struct tree_node *grandparent = above->parent;
        bool above_is_left = grandparent->left == above;
        struct tree_node *uncle = above_is_left ? grandparent->right : grandparent->left;
        if (uncle && uncle->red) {
            above->red = uncle->red = false;
            grandparent->red = true;
            node = grandparent;
            continue;
        }
        if (node == (above_is_left ? above->right : above->left)) {
            rotate(tree, above, above_is_left);
            node = above;
            above = node->parent;
        }
        above->red = false;
        grandparent->red = true;
        rotate(tree, grandparent, !above_is_left);
    }
    tree->root->red = false;
}

// node (which may be nullptr) below parent lacks one black on its paths.
static void remove_fixup(struct tree *tree, struct tree_node *node, struct tree_node *parent) {
    while (node != tree->root && (!node || !node->red)) {
        bool is_left = parent->left == node;
        struct tree_node *sibling = is_left ? parent->right : parent->left;
        if (sibling->red) {
            sibling->red = false;
            parent->red = true;
            rotate(tree, parent, is_left);
            sibling = is_left ? parent->right : parent->left;
        }
        struct tree_node *outer = is_left ? sibling->right : sibling->left;
        struct tree_node *inner = is_left ? sibling->left : sibling->right;
        if (!(outer && outer->red) && !(inner && inner->red)) {
            sibling->red = true;
            node = parent;
            parent = node->parent;
            continue;
        }
        if (!(outer && outer->red)) {
            inner->red = false;
            sibling->red = true;
            rotate(tree, sibling, !is_left);
            sibling = is_left ? parent->right : parent->left;
            outer = is_left ? sibling->right : sibling->left;
        }
        sibling->red = parent->red;
        parent->red = false;
        outer->red = false;
        rotate(tree, parent, is_left);
        node = tree->root;
    }
    if (node) node->red = false;
}

static void replace(struct tree *tree, struct tree_node *old, struct tree_node *new) {
    if (!old->parent)
        tree->root = new;
    else if (old->parent->left == old)
        old->parent->left = new;
    else
        old->parent->right = new;
    if (new) new->parent = old->parent;
}

void tree_remove(struct tree *tree, struct tree_node *node) {
    struct tree_node *child, *parent;
    bool removed_red;
    if (node->left && node->right) {
        struct tree_node *next = node->right;
        while (next->left)
            next = next->left;
        child = next->right;
        removed_red = next->red;
        if (next->parent == node) {
            parent = next;
        } else {
            parent = next->parent;
            replace(tree, next, child);
            next->right = node->right;
            next->right->parent = next;
        }
        replace(tree, node, next);
        next->left = node->left;
        next->left->parent = next;
        next->red = node->red;
    } else {
        child = node->left ? node->left : node->right;
        parent = node->parent;
        removed_red = node->red;
        replace(tree, node, child);
    }
    if (!removed_red && tree->root) remove_fixup(tree, child, parent);
}

struct tree_node *tree_first(const struct tree *tree) {
    struct tree_node *node = tree->root;
    while (node && node->left)
        node = node->left;
    return node;
}

struct tree_node *tree_last(const struct tree *tree) {
    struct tree_node *node = tree->root;
    while (node && node->right)
        node = node->right;
    return node;
}

struct tree_node *tree_next(const struct tree_node *node) {
    if (node->right) {
        struct tree_node *next = node->right;
        while (next->left)
            next = next->left;
        return next;
    }
    while (node->parent && node->parent->right == node)
        node = node->parent;
    return node->parent;
}

struct tree_node *tree_previous(const struct tree_node *node) {
    if (node->left) {
        struct tree_node *previous = node->left;
        while (previous->right)
            previous = previous->right;
        return previous;
    }
    while (node->parent && node->parent->left == node)
        node = node->parent;
    return node->parent;
}
