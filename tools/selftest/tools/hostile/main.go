// Hostile is a speaker for tests of lbcert itself, in a mode that its first argument names:
//
//	end      it ends at once
//	answer   it answers every ARP request and every Neighbor Solicitation that comes by, whoever has the address
package main

import (
	"encoding/binary"
	"log"
	"net"
	"os"
	"syscall"
)

const (
	arp  = 0x0806
	ipv6 = 0x86dd
)

func main() {
	if os.Args[1] == "end" {
		os.Exit(1)
	}
	answerEverybody()
}

func answerEverybody() {
	segment, err := net.InterfaceByName("eth0")
	must(err)
	wire, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, int(swapped(syscall.ETH_P_ALL)))
	must(err)
	must(syscall.Bind(wire, &syscall.SockaddrLinklayer{Protocol: swapped(syscall.ETH_P_ALL), Ifindex: segment.Index}))
	listenToEverybody(wire, segment.Index)
	frame := make([]byte, 2048)
	for {
		length, _, err := syscall.Recvfrom(wire, frame, 0)
		must(err)
		if answer := answered(frame[:length], segment.HardwareAddr); answer != nil {
			if _, err := syscall.Write(wire, answer); err != nil {
				log.Print(err) // a link may be cut
			}
		}
	}
}

// listenToEverybody makes the kernel pass the frames to every multicast group: solicitations go to one of many.
func listenToEverybody(wire, index int) {
	const addMembership, allMulticast = 1, 2
	request := make([]byte, 16)
	binary.NativeEndian.PutUint32(request, uint32(index))
	binary.NativeEndian.PutUint16(request[4:], allMulticast)
	must(syscall.SetsockoptString(wire, syscall.SOL_PACKET, addMembership, string(request)))
}

// answered gives the answer to a frame that asks for an address, and nil to any other.
func answered(frame []byte, mac net.HardwareAddr) []byte {
	if len(frame) < 42 || string(frame[6:12]) == string(mac) {
		return nil
	}
	switch binary.BigEndian.Uint16(frame[12:]) {
	case arp:
		return answeredARP(frame, mac)
	case ipv6:
		return answeredSolicitation(frame, mac)
	}
	return nil
}

func answeredARP(frame []byte, mac net.HardwareAddr) []byte {
	asks, sender, target := frame[21] == 1, frame[28:32], frame[38:42]
	if !asks || string(sender) == string(target) {
		return nil
	}
	answer := append([]byte{}, frame[6:12]...)
	answer = append(append(answer, mac...), frame[12:20]...)
	answer = append(append(append(answer, 0, 2), mac...), target...)
	return append(answer, frame[22:32]...)
}

func answeredSolicitation(frame []byte, mac net.HardwareAddr) []byte {
	const next, kind, solicitation, advertisement, solicitedAndOverriding = 20, 54, 135, 136, 0x60
	if len(frame) < 78 || frame[next] != syscall.IPPROTO_ICMPV6 || frame[kind] != solicitation {
		return nil
	}
	asker, target := frame[22:38], frame[62:78]
	if net.IP(asker).IsUnspecified() {
		return nil
	}
	message := []byte{advertisement, 0, 0, 0, solicitedAndOverriding, 0, 0, 0}
	message = append(append(message, target...), 2, 1)
	message = append(message, mac...)
	binary.BigEndian.PutUint16(message[2:], checksum(target, asker, message))
	answer := append(append(append([]byte{}, frame[6:12]...), mac...), 0x86, 0xdd)
	answer = append(answer, 0x60, 0, 0, 0, 0, byte(len(message)), syscall.IPPROTO_ICMPV6, 255)
	return append(append(append(answer, target...), asker...), message...)
}

func checksum(source, destination, message []byte) uint16 {
	covered := append(append([]byte{}, source...), destination...)
	covered = append(covered, 0, 0, 0, byte(len(message)), 0, 0, 0, syscall.IPPROTO_ICMPV6)
	var sum uint32
	for covered = append(covered, message...); len(covered) > 1; covered = covered[2:] {
		sum += uint32(binary.BigEndian.Uint16(covered))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

func swapped(protocol uint16) uint16 {
	return protocol<<8 | protocol>>8
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
