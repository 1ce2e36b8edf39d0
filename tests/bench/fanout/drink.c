/* Many WebSocket subscribers in one process: how many bytes came, and when the last of them had message k.

   drink PORT PATH COUNT WELCOME SKIP [deflate] [stall]
   WELCOME: so many messages greet a subscriber. SKIP > 0: the server speaks Socket.IO; JSON begins so far into a text.
   It says {"joined": COUNT}. "expect FIRST MANY" is answered with {"ready": true}, then with what was measured, once
   every subscriber has reached position FIRST + MANY - 1, or on "stop". With "stall" nothing is read after the joining.
   A plain diff or snapshot names its position. A compressed message is not inflated: it is one beyond the last. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LARGEST (1 << 20)
#define AT_ONCE 64
#define DIFF "{\"type\":\"diff\",\"seq\":"
#define SNAPSHOT "{\"type\":\"snapshot\""

typedef struct {
    int fd, open, greeted, joined;
    long at;
    size_t left;
    unsigned char *rest;
} Subscriber;

static Subscriber *all;
static size_t skip;
static int count, welcome, deflate, stall, epoll, begun, joined, closed;
static long first, many, bytes, frames, compressed, resyncs;
static long long *last, cpu;
static int *reached, expecting;
static char request[1000];
static struct sockaddr_in server = {.sin_family = AF_INET};
static unsigned char buffer[LARGEST + (1 << 18)];

static long long now(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static void fail(const char *why) {
    printf("{\"error\": \"%.60s\"}\n", why);
    fflush(stdout);
    exit(1);
}

static void begin(void) {
    Subscriber *one = &all[begun++];
    int yes = 1;
    one->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (one->fd < 0 || connect(one->fd, (struct sockaddr *)&server, sizeof server)) fail(strerror(errno));
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    fcntl(one->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {EPOLLIN, {.ptr = one}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, one->fd, &event);
    if (write(one->fd, request, strlen(request)) < 0) fail(strerror(errno));
}

static void join(Subscriber *one) {
    one->joined = 1;
    if (++joined == count) {
        printf("{\"joined\": %d}\n", joined);
        fflush(stdout);
    } else if (begun < count) {
        begin();
    }
}

/* Says a short message; its mask is zero (RFC 6455, 5.3), so the bytes stay as they are. */
static void answer(Subscriber *one, int opcode, const unsigned char *text, size_t length) {
    unsigned char frame[131] = {0x80 | opcode, 0x80 | length};
    memcpy(frame + 6, text, length);
    if (write(one->fd, frame, 6 + length) < 0) closed++;
}

static void report(void) {
    long least = many;
    for (int i = 0; i < count; i++)
        if (all[i].at - first + 1 < least) least = all[i].at - first + 1;
    printf("{\"least\": %ld, \"bytes\": %ld, \"frames\": %ld, \"compressed\": %ld, \"resyncs\": %ld, \"closed\": %d, "
           "\"cpu_ns\": %lld, \"last\": [", least, bytes, frames, compressed, resyncs, closed,
           now(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    for (long k = 0; k < many; k++) printf(k ? ", %lld" : "%lld", reached[k] == count ? last[k] : 0);
    puts("]}");
    fflush(stdout);
    expecting = 0;
}

static void advance(Subscriber *one, long to, long long when) {
    long from = one->at - first + 1, end = to - first + 1;
    if (to > one->at) one->at = to;
    if (!expecting) return;
    if (end > many) end = many;
    for (long k = from < 0 ? 0 : from; k < end; k++) {
        last[k] = when;
        if (++reached[k] == count && k == many - 1) report();
    }
}

static void message(Subscriber *one, int opcode, int rsv, const unsigned char *text, size_t length, long long when) {
    if (opcode == 9) answer(one, 10, text, length);
    if (opcode == 8) closed++;
    if (opcode != 1) return;
    if (skip && length == 1 && *text == '2') answer(one, 1, (const unsigned char *)"3", 1);
    frames++;
    compressed += rsv;
    if (one->greeted < welcome) {
        if (skip && !one->greeted) answer(one, 1, (const unsigned char *)"40", 2);
        if (++one->greeted == welcome) join(one);
        return;
    }
    if (rsv) {
        advance(one, one->at + 1, when);
    } else if (length > skip + 60) {
        const char *json = (const char *)text + skip;
        if (!memcmp(json, DIFF, sizeof DIFF - 1)) {
            advance(one, strtol(json + sizeof DIFF - 1, NULL, 10), when);
        } else if (!memcmp(json, SNAPSHOT, sizeof SNAPSHOT - 1)) {
            const char *seq = memmem(json, 60, "\"seq\":", 6);
            resyncs++;
            if (seq) advance(one, strtol(seq + 6, NULL, 10), when);
        }
    }
}

/* Takes the whole messages off the front; gives how many bytes that were. */
static size_t parse(Subscriber *one, unsigned char *from, size_t length, long long when) {
    size_t done = 0;
    if (!one->open) {
        unsigned char *end = memmem(from, length, "\r\n\r\n", 4);
        if (!end) return 0;
        if (memcmp(from, "HTTP/1.1 101", 12)) {
            *(unsigned char *)memchr(from, '\r', length) = 0;
            fail((char *)from);
        }
        one->open = 1;
        done = end + 4 - from;
        if (!welcome) join(one);
    }
    while (length - done >= 2) {
        unsigned char *frame = from + done;
        size_t head = 2, size = frame[1] & 127;
        if (size == 126) {
            if (length - done < 4) break;
            head = 4, size = frame[2] << 8 | frame[3];
        } else if (size == 127) {
            if (length - done < 10) break;
            head = 10, size = (size_t)frame[6] << 24 | frame[7] << 16 | frame[8] << 8 | frame[9];
        }
        if (size > LARGEST - 10) fail("a message is too long");
        if (length - done < head + size) break;
        message(one, frame[0] & 15, frame[0] >> 6 & 1, frame + head, size, when);
        done += head + size;
    }
    return done;
}

static void receive(Subscriber *one) {
    if (one->left) memcpy(buffer, one->rest, one->left);
    ssize_t got = recv(one->fd, buffer + one->left, 1 << 18, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        if (joined < count) fail("closed while joining");
        epoll_ctl(epoll, EPOLL_CTL_DEL, one->fd, NULL);
        closed++;
        return;
    }
    bytes += got;
    size_t length = one->left + got, done = parse(one, buffer, length, now(CLOCK_MONOTONIC));
    if ((one->left = length - done)) {
        one->rest = realloc(one->rest, one->left);
        memcpy(one->rest, buffer + done, one->left);
    } else if (one->rest) {
        free(one->rest);
        one->rest = NULL;
    }
}

/* Obeys the lines on standard input; they are short and come one at a time. */
static void obey(void) {
    char line[200] = "";
    ssize_t got = read(0, line, sizeof line - 1);
    if (got <= 0) exit(0);
    if (!strncmp(line, "stop", 4)) report();
    if (sscanf(line, "expect %ld %ld", &first, &many) != 2) return;
    last = realloc(last, many * sizeof *last);
    reached = realloc(reached, many * sizeof *reached);
    memset(reached, 0, many * sizeof *reached);
    for (int i = 0; i < count; i++) all[i].at = first - 1;
    bytes = frames = compressed = resyncs = 0;
    expecting = 1;
    cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    puts("{\"ready\": true}");
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc < 6) return 2;
    for (int i = 6; i < argc; i++) deflate |= !strcmp(argv[i], "deflate"), stall |= !strcmp(argv[i], "stall");
    count = atoi(argv[3]), welcome = atoi(argv[4]), skip = atoi(argv[5]);
    server.sin_port = htons(atoi(argv[1]));
    inet_pton(AF_INET, "127.0.0.1", &server.sin_addr);
    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n%s%s\r\n",
             argv[2], argv[1], skip ? "" : "Sec-WebSocket-Protocol: health.v1.json\r\n",
             deflate ? "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" : "");
    all = calloc(count, sizeof *all);
    epoll = epoll_create1(0);
    struct epoll_event lines = {EPOLLIN, {.ptr = NULL}}, events[512];
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &lines);
    while (begun < count && begun < AT_ONCE) begin();
    for (;;) {
        if (stall && joined == count) {
            obey();
            continue;
        }
        int ready = epoll_wait(epoll, events, 512, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr) receive(events[i].data.ptr);
            else obey();
        }
    }
}
