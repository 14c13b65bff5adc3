//! Free ports on the loopback interface, for programs that cannot report the port they chose.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// An address on which nothing listened a moment ago.
///
/// Another program may take it in between; programs that can listen on port 0 and say where should do that.
pub(crate) fn free() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on the loopback interface");
    listener.local_addr().expect("a bound socket has an address")
}

#[test]
fn the_port_can_be_taken() {
    let address = free();
    assert!(address.ip().is_loopback());
    TcpListener::bind(address).expect("the port is free");
}
