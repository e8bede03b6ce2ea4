// A doubly linked ring with a head. An entry that is in no list points to itself after list_init / list_remove.
#pragma once

#include <stdbool.h>

#include "lib/types.h"

struct list {
    struct list *next;
    struct list *previous;
};

#define LIST_INIT(name) {&(name), &(name)}

static inline void list_init(struct list *l) {
    l->next = l->previous = l;
}

static inline bool list_empty(const struct list *l) {
    return l->next == l;
}

static inline void list_insert_after(struct list *position, struct list *entry) {
    entry->next = position->next;
    entry->previous = position;
    position->next->previous = entry;
    position->next = entry;
}

static inline void list_push_front(struct list *head, struct list *entry) {
    list_insert_after(head, entry);
}

static inline void list_push_back(struct list *head, struct list *entry) {
    list_insert_after(head->previous, entry);
}

static inline void list_remove(struct list *entry) {
    entry->previous->next = entry->next;
    entry->next->previous = entry->previous;
    list_init(entry);
}

// Moves all entries of from to the end of to; from is empty afterwards.
static inline void list_splice_back(struct list *to, struct list *from) {
    if (list_empty(from)) return;
    from->next->previous = to->previous;
    to->previous->next = from->next;
    from->previous->next = to;
    to->previous = from->previous;
    list_init(from);
}

#define list_entry(pointer, type, member) container_of(pointer, type, member)
#define list_first(head, type, member)    (list_empty(head) ? nullptr : list_entry((head)->next, type, member))
#define list_for_each(entry, head, type, member)                                                                       \
    for (type *entry = list_entry((head)->next, type, member); &entry->member != (head);                               \
         entry = list_entry(entry->member.next, type, member))
// The body may remove the current entry.
#define list_for_each_safe(entry, following, head, type, member)                                                       \
    for (type *entry = list_entry((head)->next, type, member),                                                         \
              *following = list_entry(entry->member.next, type, member);                                               \
         &entry->member != (head); entry = following, following = list_entry(following->member.next, type, member))
