# C types for index.py; the .py alone has the meaning.
cimport cython
from sensor.octets cimport address_of, quad_at

cdef bint _COMPILED

cdef unsigned int turn(unsigned int number) noexcept
cdef unsigned int u32(const unsigned char[::1] data, size_t at, bint big) except? 0xFFFFFFFF

@cython.locals(full=size_t, body=size_t, header="const unsigned char *", octets="const unsigned char *", captured=cython.uint, wire=cython.uint, seconds=cython.uint, second=cython.longlong, fraction=cython.uint)
cpdef tuple scan_pcap(
    const unsigned char[::1] data, size_t position, size_t end, bint big, size_t head, long long factor,
    size_t caplen_at, size_t wirelen_at, unsigned int usual_caplen, size_t trusted, unsigned short link,
    long long[::1] ts, unsigned long long[::1] offset, unsigned int[::1] caplen, unsigned int[::1] wirelen,
    unsigned short[::1] links, size_t count)

@cython.locals(
    chain=cython.longlong, slack=cython.longlong, budget=size_t, at=size_t, body=size_t, run=cython.longlong, steps=size_t, first=cython.longlong, captured=cython.uint,
    wire=cython.uint, fraction=cython.uint, seconds=cython.longlong)
cpdef tuple find_pcap(
    const unsigned char[::1] data, size_t position, size_t end, bint at_end, bint to_the_end, bint big, size_t head,
    unsigned int fraction_limit, size_t caplen_at, size_t wirelen_at, unsigned int max_caplen,
    long long earliest, long long latest, long long fewest)

@cython.locals(
    epb=cython.uint, exact=cython.uint, times=cython.uint, over=cython.uint, full=size_t, length=cython.uint, interface=cython.uint, captured=cython.uint, high=cython.ulonglong,
    ticks=cython.ulonglong, way=cython.uint, factor=cython.ulonglong, ns=cython.ulonglong, seconds=cython.ulonglong,
    part=cython.ulonglong, carry=cython.ulonglong)
cpdef tuple scan_pcapng(
    const unsigned char[::1] data, size_t position, size_t end, bint big, unsigned int max_caplen,
    unsigned int max_block, unsigned int interfaces, unsigned short[::1] if_link, unsigned char[::1] if_way,
    unsigned long long[::1] if_factor, long long[::1] if_offset, unsigned long long[::1] if_limit,
    long long[::1] ts, unsigned long long[::1] offset, unsigned int[::1] caplen, unsigned int[::1] wirelen,
    unsigned short[::1] links, size_t count)

@cython.locals(
    section=cython.uint, budget=size_t, at=size_t, order=bint, run=cython.longlong, steps=size_t, kind=cython.uint, length=cython.uint)
cpdef tuple find_pcapng(
    const unsigned char[::1] data, size_t position, size_t end, bint at_end, bint to_the_end, bint big,
    unsigned int max_block)

cpdef size_t run_stop(long long[::1] ts, size_t first, size_t stop, long long limit, bint with_limit) except? 0xFFFFFFFF
