/* The least that any fan-out can cost: an epoll WebSocket server that calls send() for each subscriber in turn.

   send PATCHES: says {"port": PORT}, then obeys "publish FIRST COUNT HZ" as the other servers do. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST 70000
#define DIFF "{\"type\":\"diff\",\"seq\":%ld,\"ts\":\"2026-11-26T08:00:00.000Z\",\"patch\":%s}"
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static int epoll, listening, subscribers[MOST], joined;
static char **patches;
static long patch_count;

static long long now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static uint32_t turn_left(uint32_t x, int by) { return x << by | x >> (32 - by); }

/* SHA-1 (RFC 3174) of a text shorter than two blocks less their length. */
static void sha1(const char *text, unsigned char digest[20]) {
    uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0}, w[80];
    unsigned char block[128] = {0};
    size_t length = strlen(text), size = length < 56 ? 64 : 128;
    memcpy(block, text, length);
    block[length] = 0x80;
    block[size - 1] = length * 8 & 255, block[size - 2] = length * 8 >> 8;
    for (size_t at = 0; at < size; at += 64) {
        for (int t = 0; t < 16; t++) {
            unsigned char *p = block + at + 4 * t;
            w[t] = (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
        }
        for (int t = 16; t < 80; t++) w[t] = turn_left(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
        uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (int t = 0; t < 80; t++) {
            uint32_t f = t < 20 ? (b & c) | (~b & d) : t < 40 || t >= 60 ? b ^ c ^ d : (b & c) | (b & d) | (c & d);
            uint32_t k = t < 20 ? 0x5A827999 : t < 40 ? 0x6ED9EBA1 : t < 60 ? 0x8F1BBCDC : 0xCA62C1D6;
            uint32_t next = turn_left(a, 5) + f + e + w[t] + k;
            e = d, d = c, c = turn_left(b, 30), b = a, a = next;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
    }
    for (int i = 0; i < 20; i++) digest[i] = h[i / 4] >> (24 - 8 * (i % 4));
}

static void base64(const unsigned char *from, int length, char *to) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < length; i += 3) {
        uint32_t three = from[i] << 16 | (i + 1 < length ? from[i + 1] << 8 : 0) | (i + 2 < length ? from[i + 2] : 0);
        for (int j = 0; j < 4; j++) *to++ = i + j > length ? '=' : letters[three >> (18 - 6 * j) & 63];
    }
    *to = 0;
}

/* Answers the opening handshake (RFC 6455, 4.2.2), which loopback brings in one piece; what comes later is not read. */
static void greet(int fd) {
    char head[4096], key[200], reply[300];
    unsigned char digest[20];
    ssize_t got = recv(fd, head, sizeof head - 1, 0);
    head[got > 0 ? got : 0] = 0;
    char *at = strcasestr(head, "\r\nSec-WebSocket-Key: "), *end = at ? strstr(at + 21, "\r\n") : NULL;
    if (!end || end - at > 60) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
        close(fd);
        for (int i = 0; i < joined; i++)
            if (subscribers[i] == fd) subscribers[i] = subscribers[--joined];
        return;
    }
    snprintf(key, sizeof key, "%.*s" GUID, (int)(end - at - 21), at + 21);
    sha1(key, digest);
    base64(digest, 20, key);
    int length = snprintf(reply, sizeof reply,
                          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: health.v1.json\r\n\r\n", key);
    if (send(fd, reply, length, MSG_NOSIGNAL) == length) subscribers[joined++] = fd;
}

/* One turn of the loop; true when a line waits on standard input. */
static int turn(int milliseconds) {
    struct epoll_event events[256];
    int lines = 0, ready = epoll_wait(epoll, events, 256, milliseconds);
    for (int i = 0; i < ready; i++) {
        int fd = events[i].data.fd, yes = 1;
        if (fd == 0) lines = 1;
        else if (fd != listening) greet(fd);
        else if ((fd = accept(listening, NULL, NULL)) >= 0) {
            struct epoll_event event = {EPOLLIN, {.fd = fd}};
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
        }
    }
    return lines;
}

static void publish(long seq) {
    static unsigned char frame[1 << 16];
    const char *patch = patches[seq % patch_count];
    size_t size = snprintf((char *)frame + 4, sizeof frame - 4, DIFF, seq, patch);
    unsigned char *from = size < 126 ? frame + 2 : frame;
    from[0] = 0x81;
    if (size < 126) from[1] = size;
    else from[1] = 126, from[2] = size >> 8, from[3] = size & 255;
    size += frame + 4 - from;
    for (int i = 0; i < joined; i++) send(subscribers[i], from, size, MSG_NOSIGNAL);
}

static void obey(void) {
    char line[200] = "";
    long first, count, hz;
    if (read(0, line, sizeof line - 1) <= 0) exit(0);
    if (sscanf(line, "publish %ld %ld %ld", &first, &count, &hz) != 3) return;
    long long *at = malloc(count * sizeof *at), begun = now();
    for (long k = 0; k < count; k++) {
        long long due = hz ? begun + k * 1000000000LL / hz : 0;
        do turn(due > now() ? (due - now() + 999999) / 1000000 : 0);
        while (due > now());
        at[k] = now();
        publish(first + k);
    }
    printf("{\"at\": [");
    for (long k = 0; k < count; k++) printf(k ? ", %lld" : "%lld", at[k]);
    puts("]}");
    fflush(stdout);
    free(at);
}

int main(int argc, char **argv) {
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    if (!file) return 2;
    while ((length = getline(&line, &room, file)) > 0) {
        line[length - 1] = 0;
        patches = realloc(patches, ++patch_count * sizeof *patches);
        patches[patch_count - 1] = strdup(line);
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    listening = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listening, (struct sockaddr *)&address, size) || listen(listening, 1024)) return 1;
    getsockname(listening, (struct sockaddr *)&address, &size);
    epoll = epoll_create1(0);
    struct epoll_event lines = {EPOLLIN, {.fd = 0}}, joins = {EPOLLIN, {.fd = listening}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &lines);
    epoll_ctl(epoll, EPOLL_CTL_ADD, listening, &joins);
    printf("{\"port\": %d}\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;)
        if (turn(-1)) obey();
}
