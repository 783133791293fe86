/* hiredis, the C client. See program in program_test.go for what it does. */

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char host[64];
static int port;
static redisContext *context;

static void check(int ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "%s\n", what);
        exit(1);
    }
}

/* connected makes a connection if there is none. */
static int connected(void) {
    struct timeval timeout = {10, 0};
    if (context != NULL && context->err == 0) return 1;
    if (context != NULL) redisFree(context);
    context = redisConnectWithTimeout(host, port, timeout);
    if (context == NULL || context->err != 0) return 0;
    return redisSetTimeout(context, timeout) == REDIS_OK;
}

static redisReply *ask(const char *format, const char *a, const char *b) {
    return connected() ? redisCommand(context, format, a, b) : NULL;
}

static void scenario(const char *prefix) {
    redisReply *r;
    char key[128];
    snprintf(key, sizeof key, "%sk", prefix);
    check((r = ask("HELLO 2", NULL, NULL)) != NULL && r->type == REDIS_REPLY_ARRAY, "HELLO 2");
    freeReplyObject(r);
    check((r = ask("GET %snone", prefix, NULL)) != NULL && r->type == REDIS_REPLY_NIL, "GET");
    freeReplyObject(r);
    check((r = ask("SET %s %s", key, "v")) != NULL && strcmp(r->str, "OK") == 0, "SET");
    freeReplyObject(r);
    check((r = ask("GET %s", key, NULL)) != NULL && strcmp(r->str, "v") == 0, "GET");
    freeReplyObject(r);
    for (int i = 0; i < 1000; i++) redisAppendCommand(context, "INCR %sn", prefix);
    for (long long i = 1; i <= 1000; i++) {
        check(redisGetReply(context, (void **)&r) == REDIS_OK && r->integer == i, "pipeline");
        freeReplyObject(r);
    }
    const char *lines[] = {"MULTI", "INCR %s{t}", "INCR %s{t}", "EXEC"};
    for (int i = 0; i < 4; i++) redisAppendCommand(context, lines[i], prefix);
    for (int i = 0; i < 4; i++) {
        check(redisGetReply(context, (void **)&r) == REDIS_OK && r->type != REDIS_REPLY_ERROR, "transaction");
        if (i == 3) check(r->elements == 2 && r->element[1]->integer == 2, "EXEC");
        freeReplyObject(r);
    }
}

static void serve(void) {
    char line[512], command[16], key[256], value[128];
    while (fgets(line, sizeof line, stdin) != NULL) {
        int n = sscanf(line, "%15s %255s %127s", command, key, value);
        redisReply *r = n == 3 ? ask("SET %s %s", key, value) : ask("GET %s", key, NULL);
        if (r == NULL)
            printf("error connection: %s\n", context == NULL ? "none" : context->errstr);
        else if (r->type == REDIS_REPLY_ERROR)
            printf("error %s\n", r->str);
        else if (r->type == REDIS_REPLY_NIL)
            printf("nil\n");
        else if (n == 3)
            printf("ok\n");
        else
            printf("value %s\n", r->str);
        fflush(stdout);
        freeReplyObject(r);
    }
}

int main(int argc, char **argv) {
    check(argc == 4, "usage: hiredis MODE ADDRESSES PREFIX");
    check(sscanf(argv[2], "%63[^:]:%d", host, &port) == 2, "address");
    scenario(argv[3]);
    puts("ready");
    fflush(stdout);
    serve();
    if (context != NULL) redisFree(context);
    return 0;
}
