#include "tests/unit/host_threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

constexpr int64_t SECOND = 1'000'000'000;

struct host_thread {
    pthread_t thread;
    void (*body)(void *);
    void *data;
};

static void *thread_main(void *argument) {
    struct host_thread *thread = argument;
    thread->body(thread->data);
    return nullptr;
}

struct host_thread *host_thread_start(void (*body)(void *), void *data) {
    struct host_thread *thread = malloc(sizeof(*thread));
    *thread = (struct host_thread){.body = body, .data = data};
    if (pthread_create(&thread->thread, nullptr, thread_main, thread)) abort();
    return thread;
}

void host_thread_join(struct host_thread *thread) {
    if (pthread_join(thread->thread, nullptr)) abort();
    free(thread);
}

struct host_event {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    bool set;
};

struct host_event *host_event_create(void) {
    struct host_event *event = calloc(1, sizeof(*event));
    pthread_mutex_init(&event->mutex, nullptr);
    pthread_cond_init(&event->condition, nullptr);
    return event;
}

void host_event_free(struct host_event *event) {
    pthread_cond_destroy(&event->condition);
    pthread_mutex_destroy(&event->mutex);
    free(event);
}

void host_event_set(struct host_event *event) {
    pthread_mutex_lock(&event->mutex);
    if (event->set) abort();
    event->set = true;
    pthread_cond_signal(&event->condition);
    pthread_mutex_unlock(&event->mutex);
}

bool host_event_wait(struct host_event *event, int64_t deadline) {
    const struct timespec until = {.tv_sec = deadline / SECOND, .tv_nsec = deadline % SECOND};
    bool in_time = true;
    pthread_mutex_lock(&event->mutex);
    while (!event->set && in_time) {
        if (deadline == INT64_MAX)
            pthread_cond_wait(&event->condition, &event->mutex);
        else
            in_time = !pthread_cond_timedwait(&event->condition, &event->mutex, &until);
    }
    bool was_set = event->set;
    event->set = false;
    pthread_mutex_unlock(&event->mutex);
    return was_set;
}

int64_t host_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

void host_yield(void) {
    sched_yield();
}
