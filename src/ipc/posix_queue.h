// POSIX message queues as open files; the ops are in posix_queue.c.
#pragma once

struct file;

// The running process closed a descriptor of the file: a registration of its own for notification ends.
void posix_queue_closed(struct file *file);
