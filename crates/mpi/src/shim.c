/* What of MPI a group of ranks needs, in types that are the same for every MPI: MPI's own differ
 * between Open MPI and MPICH, and only its header knows them.
 *
 * Every function returns 0, or MPI's error code. A request is owned by the caller until
 * reshet_mpi_test says that it is done. */

#include <limits.h>
#include <mpi.h>
#include <stdlib.h>

enum { BROADCAST_ROOT = 0, TAG = 7 };

int reshet_mpi_init(int *rank, int *ranks) {
    int provided = 0;
    int code = MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided);
    if (code == MPI_SUCCESS && provided < MPI_THREAD_SERIALIZED) code = MPI_ERR_OTHER;
    if (code == MPI_SUCCESS) code = MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (code == MPI_SUCCESS) code = MPI_Comm_rank(MPI_COMM_WORLD, rank);
    if (code == MPI_SUCCESS) code = MPI_Comm_size(MPI_COMM_WORLD, ranks);
    return code;
}

int reshet_mpi_finalize(void) { return MPI_Finalize(); }

/* The text of an error code; `text` has room for 512 characters. */
void reshet_mpi_error(int code, char *text) {
    char long_text[MPI_MAX_ERROR_STRING + 1] = "";
    int length = 0;
    MPI_Error_string(code, long_text, &length);
    int i = 0;
    for (; i < 511 && i < length; i++) text[i] = long_text[i];
    text[i] = 0;
}

static int started(int code, MPI_Request *request, void **to) {
    if (code != MPI_SUCCESS) {
        free(request);
        request = NULL;
    }
    *to = request;
    return code;
}

int reshet_mpi_start_sum(float *numbers, size_t count, void **to) {
    *to = NULL;
    if (count > INT_MAX) return MPI_ERR_COUNT;
    MPI_Request *request = malloc(sizeof *request);
    if (!request) return MPI_ERR_NO_MEM;
    return started(MPI_Iallreduce(MPI_IN_PLACE, numbers, (int)count, MPI_FLOAT, MPI_SUM,
                                  MPI_COMM_WORLD, request),
                   request, to);
}

int reshet_mpi_start_broadcast(unsigned char *bytes, size_t count, void **to) {
    *to = NULL;
    if (count > INT_MAX) return MPI_ERR_COUNT;
    MPI_Request *request = malloc(sizeof *request);
    if (!request) return MPI_ERR_NO_MEM;
    return started(MPI_Ibcast(bytes, (int)count, MPI_BYTE, BROADCAST_ROOT, MPI_COMM_WORLD, request),
                   request, to);
}

int reshet_mpi_start_send(const unsigned char *bytes, size_t count, int rank, void **to) {
    *to = NULL;
    if (count > INT_MAX) return MPI_ERR_COUNT;
    MPI_Request *request = malloc(sizeof *request);
    if (!request) return MPI_ERR_NO_MEM;
    return started(MPI_Isend(bytes, (int)count, MPI_BYTE, rank, TAG, MPI_COMM_WORLD, request),
                   request, to);
}

/* Whether a request is done; it is gone then. */
int reshet_mpi_test(void *request, int *done) {
    int code = MPI_Test((MPI_Request *)request, done, MPI_STATUS_IGNORE);
    if (code == MPI_SUCCESS && *done) free(request);
    return code;
}

/* Whether a message has come, from whom, and how long it is. */
int reshet_mpi_probe(int *found, int *from, size_t *count) {
    MPI_Status status;
    int code = MPI_Iprobe(MPI_ANY_SOURCE, TAG, MPI_COMM_WORLD, found, &status);
    if (code != MPI_SUCCESS || !*found) return code;
    int bytes = 0;
    code = MPI_Get_count(&status, MPI_BYTE, &bytes);
    *from = status.MPI_SOURCE;
    *count = (size_t)bytes;
    return code;
}

/* Takes a message that has come. */
int reshet_mpi_receive(unsigned char *into, size_t count, int from) {
    return MPI_Recv(into, (int)count, MPI_BYTE, from, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}
