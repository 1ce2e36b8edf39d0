/* The least that any listener can cost: libpq, a loop around poll(), and a counter. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* From libpq-fe.h, which need not be installed (PostgreSQL 18, 32.9). */
typedef struct pg_conn PGconn;
typedef struct pg_result PGresult;
typedef struct pgNotify { char *relname; int be_pid; char *extra; struct pgNotify *next; } PGnotify;
PGconn *PQconnectdb(const char *);
PGresult *PQexec(PGconn *, const char *);
int PQresultStatus(const PGresult *);
int PQsocket(const PGconn *);
int PQconsumeInput(PGconn *);
PGnotify *PQnotifies(PGconn *);
void PQfreemem(void *);

static double now(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    char listen[100];
    long wanted = atol(argv[3]), heard = 0;
    double began = 0, cpu = 0;
    PGconn *connection = PQconnectdb(argv[1]);
    snprintf(listen, sizeof listen, "LISTEN %s", argv[2]);
    if (argc != 4 || PQresultStatus(PQexec(connection, listen)) != 1) return 1;
    puts("\"ready\"");
    fflush(stdout);
    while (heard < wanted) {
        struct pollfd waited = {PQsocket(connection), POLLIN, 0};
        PGnotify *one;
        poll(&waited, 1, -1);
        if (!PQconsumeInput(connection)) return 1;
        while ((one = PQnotifies(connection)) != NULL) {
            if (!heard++) began = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
            PQfreemem(one);
        }
    }
    double seconds = now(CLOCK_MONOTONIC) - began;
    cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    char line[200];
    long kilobytes = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status)) sscanf(line, "VmHWM: %ld", &kilobytes);
    printf("{\"per_s\": %f, \"cpu_us\": %f, \"rss_mb\": %f}\n", heard / seconds, 1e6 * cpu / heard, kilobytes / 1024.0);
    return 0;
}
